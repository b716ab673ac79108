import java.lang.annotation.Annotation;
import java.lang.reflect.AnnotatedElement;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.Parameter;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;

import org.objectweb.asm.ClassReader;
import org.objectweb.asm.Opcodes;
import org.objectweb.asm.tree.AbstractInsnNode;
import org.objectweb.asm.tree.ClassNode;
import org.objectweb.asm.tree.FieldInsnNode;
import org.objectweb.asm.tree.LdcInsnNode;
import org.objectweb.asm.tree.MethodInsnNode;
import org.objectweb.asm.tree.MethodNode;
import org.objectweb.asm.tree.TypeInsnNode;
import org.objectweb.asm.tree.VarInsnNode;
import org.objectweb.asm.tree.analysis.Analyzer;
import org.objectweb.asm.tree.analysis.Frame;
import org.objectweb.asm.tree.analysis.SourceInterpreter;
import org.objectweb.asm.tree.analysis.SourceValue;

/**
 * Lists every operation of Keycloak's Admin REST API from the server's own JAX-RS annotations, one JSON object a line.
 *
 * Run with the jars of a distribution on the class path: java -cp 'lib/lib/main/*:lib/lib/boot/*' EnumerateOperations.java lib/lib/main
 *
 * The walk starts at the root resources below /admin and follows sub-resource locators. What a locator really returns is often wider
 * than its declared type (Object, an interface), so the byte code of the locator is read: the values that can reach its return
 * instructions, through calls, overrides and all implementations of an interface. Extensions found by provider id are followed
 * through the provider factories that the jars register, their ids standing for the path parameter.
 */
public class EnumerateOperations {

    static final int API = Opcodes.ASM9;

    final Map<String, ClassNode> index = new HashMap<>();
    final Map<String, Set<String>> subtypes = new HashMap<>();
    final Map<String, Set<String>> services = new TreeMap<>();
    final Map<String, Map<String, Object>> lines = new TreeMap<>();
    final Set<String> notes = new TreeSet<>();
    final Set<String> reached = new HashSet<>();

    public static void main(String[] arguments) throws Exception {
        EnumerateOperations program = new EnumerateOperations();
        program.readJars(Path.of(arguments[0]));
        for (Class<?> root : program.roots()) {
            program.walk(root, pathOf(root), new ArrayDeque<>(), new TreeSet<>(), new ArrayDeque<>());
        }
        program.noteUnreached();
        program.lines.values().forEach(line -> System.out.println(json(line)));
        program.notes.forEach(note -> System.out.println(json(Map.of("note", note))));
        features().forEach(feature -> System.out.println(json(Map.of("feature", feature))));
    }

    // ---- the jars ----------------------------------------------------------------------------------------------------------

    void readJars(Path folder) throws Exception {
        try (var files = Files.newDirectoryStream(folder, "org.keycloak.*.jar")) {
            for (Path file : files) {
                try (JarFile jar = new JarFile(file.toFile())) {
                    for (JarEntry entry : Collections.list(jar.entries())) {
                        read(jar, entry);
                    }
                }
            }
        }
        index.values().forEach(this::noteSupertypes);
    }

    void read(JarFile jar, JarEntry entry) throws Exception {
        String name = entry.getName();
        if (name.endsWith(".class") && !name.contains("META-INF") && !name.endsWith("module-info.class")) {
            ClassNode node = new ClassNode();
            try (var stream = jar.getInputStream(entry)) {
                new ClassReader(stream).accept(node, ClassReader.SKIP_DEBUG);
            }
            index.put(node.name, node);
        } else if (name.startsWith("META-INF/services/") && !entry.isDirectory()) {
            try (var stream = jar.getInputStream(entry)) {
                Set<String> names = services.computeIfAbsent(name.substring("META-INF/services/".length()), key -> new LinkedHashSet<>());
                new String(stream.readAllBytes(), StandardCharsets.UTF_8).lines().map(line -> line.replaceAll("#.*", "").strip())
                        .filter(line -> !line.isEmpty()).forEach(names::add);
            }
        }
    }

    void noteSupertypes(ClassNode node) {
        List<String> parents = new ArrayList<>(node.interfaces);
        if (node.superName != null) {
            parents.add(node.superName);
        }
        parents.forEach(parent -> subtypes.computeIfAbsent(parent, key -> new TreeSet<>()).add(node.name));
    }

    List<Class<?>> roots() {
        List<Class<?>> found = new ArrayList<>();
        for (ClassNode node : new TreeMap<>(index).values()) {
            Class<?> type = (node.access & (Opcodes.ACC_INTERFACE | Opcodes.ACC_ABSTRACT)) == 0 && mayBeRoot(node.name) ? load(node.name) : null;
            if (type != null && pathOf(type) != null) {
                found.add(type);
            }
        }
        return found;
    }

    /** The cross-check of the walk: every class whose methods answer a verb should have been reached from some root. */
    void noteUnreached() {
        for (ClassNode node : index.values()) {
            boolean interfaceOrAbstract = (node.access & (Opcodes.ACC_INTERFACE | Opcodes.ACC_ABSTRACT)) != 0;
            if (!interfaceOrAbstract && !reached.contains(node.name) && node.methods.stream().anyMatch(EnumerateOperations::answersVerb)) {
                notes.add("not reached from any root: " + node.name.replace('/', '.'));
            }
        }
    }

    static boolean answersVerb(MethodNode method) {
        Set<String> verbs = Set.of("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD");
        return method.visibleAnnotations != null && method.visibleAnnotations.stream()
                .anyMatch(annotation -> annotation.desc.startsWith("Ljakarta/ws/rs/") && verbs.contains(annotation.desc.replaceAll(".*/|;", "")));
    }

    /** Whether the class or one of its parents carries a class-level path: looked up in the byte code, before loading anything. */
    boolean mayBeRoot(String name) {
        ClassNode node = index.get(name);
        if (node == null) {
            return false;
        }
        boolean here = node.visibleAnnotations != null
                && node.visibleAnnotations.stream().anyMatch(annotation -> annotation.desc.equals("Ljakarta/ws/rs/Path;"));
        return here || mayBeRoot(node.superName) || node.interfaces.stream().anyMatch(this::mayBeRoot);
    }

    static Class<?> load(String internalName) {
        try {
            return Class.forName(internalName.replace('/', '.'), false, EnumerateOperations.class.getClassLoader());
        } catch (ClassNotFoundException | LinkageError error) {
            throw new IllegalStateException("cannot load " + internalName, error);
        }
    }

    // ---- the walk ----------------------------------------------------------------------------------------------------------

    void walk(Class<?> type, String path, Deque<Class<?>> chain, Set<String> features, Deque<String> via) {
        // A policy type's resource leads to policy types again, without end: /policy/{type}/{type}/{type}…
        if (chain.stream().anyMatch(type::isAssignableFrom)) {
            return;
        }
        chain.push(type);
        for (Class<?> at = type; at != null; at = at.getSuperclass()) {
            reached.add(at.getName().replace('.', '/'));
        }
        Set<String> here = new TreeSet<>(features);
        constructorFeatures(type, here);
        for (Method method : methodsOf(type)) {
            Method annotated = annotatedVersionOf(method);
            if (annotated == null) {
                continue;
            }
            String below = join(path, annotated.getAnnotation(jakarta.ws.rs.Path.class));
            String verb = verbOf(annotated);
            Set<String> all = new TreeSet<>(here);
            featuresIn(codeOf(type, method), all);
            if (verb == null) {
                via.push(shortName(type) + "#" + method.getName());
                descend(type, method, below, chain, all, via);
                via.pop();
            } else if (!verb.equals("OPTIONS") && below.startsWith("/admin")) {
                emit(verb, below, type, method, annotated, all, via);
            }
        }
        chain.pop();
    }

    void descend(Class<?> type, Method locator, String path, Deque<Class<?>> chain, Set<String> features, Deque<String> via) {
        Code code = codeOf(type, locator);
        String provider = providerLookedUpById(code);
        if (provider != null && path.endsWith("}")) {
            String prefix = path.substring(0, path.lastIndexOf('{'));
            if (extensions(provider).isEmpty()) {
                note(path, "no factories registered for " + provider);
            }
            for (Extension extension : extensions(provider)) {
                Set<String> all = new TreeSet<>(features);
                all.addAll(extension.features);
                if (extension.targets.isEmpty()) {
                    note(path, "extension leads nowhere: " + extension.id + " of " + provider);
                }
                for (String target : extension.targets) {
                    walk(load(target), prefix + extension.id, chain, all, via);
                }
            }
            return;
        }
        Set<String> targets = new TreeSet<>();
        returned(code, type.getName().replace('.', '/'), targets, new HashSet<>());
        targets.removeIf(name -> !index.containsKey(name) || isInterfaceOrAbstract(name));
        if (targets.isEmpty() && index.containsKey(locator.getReturnType().getName().replace('.', '/'))) {
            targets.add(locator.getReturnType().getName().replace('.', '/'));
            note(path, "declared type only: " + type.getSimpleName() + "#" + locator.getName() + " -> " + locator.getReturnType().getName());
        }
        if (targets.isEmpty()) {
            note(path, "locator leads nowhere: " + path + " " + type.getName() + "#" + locator.getName());
        }
        for (String target : targets) {
            walk(load(target), path, chain, features, via);
        }
    }

    /** Outside /admin nothing is listed, so nothing has to be explained. */
    void note(String path, String text) {
        if (path.startsWith("/admin")) {
            notes.add(text);
        }
    }

    boolean isInterfaceOrAbstract(String name) {
        return (index.get(name).access & (Opcodes.ACC_INTERFACE | Opcodes.ACC_ABSTRACT)) != 0;
    }

    static List<Method> methodsOf(Class<?> type) {
        Map<String, Method> found = new LinkedHashMap<>();
        for (Class<?> at = type; at != null && at != Object.class; at = at.getSuperclass()) {
            for (Method method : at.getDeclaredMethods()) {
                if (!method.isBridge() && !method.isSynthetic() && !Modifier.isStatic(method.getModifiers()) && Modifier.isPublic(method.getModifiers())) {
                    found.putIfAbsent(signature(method), method);
                }
            }
        }
        for (Method method : type.getMethods()) {
            if (method.isDefault() && !method.isBridge()) {
                found.putIfAbsent(signature(method), method);
            }
        }
        List<Method> sorted = new ArrayList<>(found.values());
        sorted.sort((one, other) -> signature(one).compareTo(signature(other)));
        return sorted;
    }

    static String signature(Method method) {
        return method.getName() + Arrays.toString(method.getParameterTypes());
    }

    /** The method itself, or the one that it overrides or implements, that carries the JAX-RS annotations; null for plain methods. */
    static Method annotatedVersionOf(Method method) {
        if (isResource(method)) {
            return method;
        }
        for (Class<?> parent : parentsOf(method.getDeclaringClass())) {
            for (Method candidate : parent.getDeclaredMethods()) {
                if (candidate.getName().equals(method.getName()) && !candidate.isBridge() && isResource(candidate)
                        && overridable(candidate, method)) {
                    return candidate;
                }
            }
        }
        return null;
    }

    static boolean overridable(Method candidate, Method method) {
        Class<?>[] wide = candidate.getParameterTypes();
        Class<?>[] narrow = method.getParameterTypes();
        if (wide.length != narrow.length) {
            return false;
        }
        for (int at = 0; at < wide.length; at++) {
            if (!wide[at].isAssignableFrom(narrow[at])) {
                return false;
            }
        }
        return true;
    }

    static Set<Class<?>> parentsOf(Class<?> type) {
        Set<Class<?>> found = new LinkedHashSet<>();
        for (Class<?> at = type; at != null && at != Object.class; at = at.getSuperclass()) {
            found.add(at);
            addInterfaces(at, found);
        }
        found.remove(type);
        return found;
    }

    static void addInterfaces(Class<?> type, Set<Class<?>> found) {
        for (Class<?> face : type.getInterfaces()) {
            found.add(face);
            addInterfaces(face, found);
        }
    }

    static boolean isResource(Method method) {
        return method.isAnnotationPresent(jakarta.ws.rs.Path.class) || verbOf(method) != null;
    }

    static String verbOf(Method method) {
        for (Annotation annotation : method.getAnnotations()) {
            jakarta.ws.rs.HttpMethod verb = annotation.annotationType().getAnnotation(jakarta.ws.rs.HttpMethod.class);
            if (verb != null) {
                return verb.value();
            }
        }
        return null;
    }

    /** The class-level path, its own or inherited; null for classes that are no root resources. */
    static String pathOf(Class<?> type) {
        if (type.isAnnotationPresent(jakarta.ws.rs.Path.class)) {
            return join("", type.getAnnotation(jakarta.ws.rs.Path.class));
        }
        return parentsOf(type).stream().filter(parent -> parent.isAnnotationPresent(jakarta.ws.rs.Path.class))
                .map(parent -> join("", parent.getAnnotation(jakarta.ws.rs.Path.class))).findFirst().orElse(null);
    }

    static String join(String path, jakarta.ws.rs.Path more) {
        String tail = more == null ? "" : more.value().replaceAll("^/+|/+$", "");
        return tail.isEmpty() ? path : path + "/" + tail;
    }

    // ---- one operation -----------------------------------------------------------------------------------------------------

    void emit(String verb, String template, Class<?> type, Method method, Method annotated, Set<String> features, Deque<String> via) {
        String path = template.replaceAll("\\{\\s*([^:}\\s]+)\\s*:(?:[^{}]|\\{[^{}]*\\})*\\}", "{$1}");
        Map<String, Object> line = new LinkedHashMap<>();
        line.put("method", verb);
        line.put("path", path);
        if (!path.equals(template)) {
            line.put("template", template);
        }
        line.put("handler", shortName(type) + "#" + method.getName());
        line.put("class", method.getDeclaringClass().getName());
        List<String> consumes = media(annotated, type, jakarta.ws.rs.Consumes.class);
        List<String> produces = media(annotated, type, jakarta.ws.rs.Produces.class);
        putUnlessEmpty(line, "consumes", consumes);
        putUnlessEmpty(line, "produces", produces);
        Map<String, String> query = new TreeMap<>();
        Map<String, String> form = new TreeMap<>();
        List<String> bodies = new ArrayList<>();
        parameters(annotated, query, form, bodies);
        putUnlessEmpty(line, "query", query);
        putUnlessEmpty(line, "form", form);
        if (!bodies.isEmpty()) {
            line.put("bodyType", String.join(" + ", bodies));
        }
        line.put("returns", nameOf(annotated.getGenericReturnType()));
        putUnlessEmpty(line, "featuresInCode", new ArrayList<>(features));
        List<String> locators = new ArrayList<>(via);
        Collections.reverse(locators);
        putUnlessEmpty(line, "via", locators);
        add(path + " " + verb + " " + method.getName() + " " + consumes + " ", type, line);
    }

    /** A subclass reached by the same path, with the same method, adds nothing: it is there for another verb or another feature. */
    void add(String key, Class<?> type, Map<String, Object> line) {
        Class<?> declaring = load(line.get("class").toString().replace('.', '/'));
        String own = key + declaring.getName();
        Map<String, Object> before = lines.get(own);
        if (before == null || type == declaring) {
            lines.put(own, line);
        }
    }

    /** The simple name, that of the superclass for an anonymous class. */
    static String shortName(Class<?> type) {
        return type.isAnonymousClass() ? type.getSuperclass().getSimpleName() : type.getSimpleName();
    }

    static void putUnlessEmpty(Map<String, Object> line, String key, Object value) {
        boolean empty = value instanceof Collection<?> list ? list.isEmpty() : ((Map<?, ?>) value).isEmpty();
        if (!empty) {
            line.put(key, value);
        }
    }

    static List<String> media(Method annotated, Class<?> type, Class<? extends Annotation> kind) {
        List<AnnotatedElement> places = new ArrayList<>(List.of(annotated, type));
        places.addAll(parentsOf(type));
        for (AnnotatedElement place : places) {
            Annotation found = place.getAnnotation(kind);
            if (found instanceof jakarta.ws.rs.Consumes consumes) {
                return splitMedia(consumes.value());
            }
            if (found instanceof jakarta.ws.rs.Produces produces) {
                return splitMedia(produces.value());
            }
        }
        return List.of();
    }

    static List<String> splitMedia(String[] values) {
        Set<String> found = new TreeSet<>();
        for (String value : values) {
            Arrays.stream(value.split(",")).map(String::strip).forEach(found::add);
        }
        return new ArrayList<>(found);
    }

    void parameters(Method method, Map<String, String> query, Map<String, String> form, List<String> bodies) {
        for (Parameter parameter : method.getParameters()) {
            String type = nameOf(parameter.getParameterizedType());
            // The server takes a class with annotated fields as a bean of parameters, also without @BeanParam.
            boolean isBean = false;
            for (Field field : parameter.getType().getDeclaredFields()) {
                isBean |= sorted(field, nameOf(field.getGenericType()), query, form);
            }
            if (!isBean && !sorted(parameter, type, query, form) && !isBound(parameter)) {
                bodies.add(type);
            }
        }
    }

    static boolean sorted(AnnotatedElement place, String type, Map<String, String> query, Map<String, String> form) {
        jakarta.ws.rs.QueryParam inQuery = place.getAnnotation(jakarta.ws.rs.QueryParam.class);
        jakarta.ws.rs.FormParam inForm = place.getAnnotation(jakarta.ws.rs.FormParam.class);
        jakarta.ws.rs.DefaultValue otherwise = place.getAnnotation(jakarta.ws.rs.DefaultValue.class);
        String shown = otherwise == null ? type : type + " = " + otherwise.value();
        if (inQuery != null) {
            query.put(inQuery.value(), shown);
        }
        if (inForm != null) {
            form.put(inForm.value(), shown);
        }
        return inQuery != null || inForm != null;
    }

    static boolean isBound(Parameter parameter) {
        return Arrays.stream(parameter.getAnnotations()).map(annotation -> annotation.annotationType().getName())
                .anyMatch(name -> name.startsWith("jakarta.ws.rs.") || name.startsWith("org.jboss.resteasy.reactive."));
    }

    static String nameOf(Type type) {
        if (type instanceof ParameterizedType generic) {
            List<String> inner = Arrays.stream(generic.getActualTypeArguments()).map(EnumerateOperations::nameOf).toList();
            return nameOf(generic.getRawType()) + "<" + String.join(", ", inner) + ">";
        }
        return type.getTypeName().replace("java.lang.", "").replace("java.util.", "").replace("java.io.", "");
    }

    // ---- what a locator returns --------------------------------------------------------------------------------------------

    /** A method's byte code, with the class that holds it. */
    record Code(ClassNode owner, MethodNode method) {
        String key() {
            return owner.name + "#" + method.name + method.desc;
        }
    }

    Code codeOf(Class<?> type, Method method) {
        return find(type.getName().replace('.', '/'), method.getName(), org.objectweb.asm.Type.getMethodDescriptor(method));
    }

    Code find(String owner, String name, String descriptor) {
        for (String at = owner; at != null && index.containsKey(at); at = index.get(at).superName) {
            for (MethodNode method : index.get(at).methods) {
                if (method.name.equals(name) && method.desc.equals(descriptor) && method.instructions.size() > 0) {
                    return new Code(index.get(at), method);
                }
            }
        }
        return defaultMethod(owner, name, descriptor);
    }

    Code defaultMethod(String owner, String name, String descriptor) {
        ClassNode node = index.get(owner);
        if (node == null) {
            return null;
        }
        for (String face : node.interfaces) {
            Code found = find(face, name, descriptor);
            if (found != null) {
                return found;
            }
        }
        return node.superName == null ? null : defaultMethod(node.superName, name, descriptor);
    }

    /** Adds the classes of the values that can reach a return instruction of `code` when `receiver` is the class of `this`. */
    void returned(Code code, String receiver, Set<String> targets, Set<String> seen) {
        if (code == null || !seen.add(receiver + " " + code.key())) {
            return;
        }
        Frame<SourceValue>[] frames = analyze(code);
        for (int at = 0; at < frames.length; at++) {
            AbstractInsnNode instruction = code.method.instructions.get(at);
            if (instruction.getOpcode() == Opcodes.ARETURN && frames[at] != null) {
                Frame<SourceValue> frame = frames[at];
                origins(frame.getStack(frame.getStackSize() - 1), code, frames, receiver, targets, seen);
            }
        }
    }

    void origins(SourceValue value, Code code, Frame<SourceValue>[] frames, String receiver, Set<String> targets, Set<String> seen) {
        for (AbstractInsnNode origin : value.insns) {
            if (origin instanceof TypeInsnNode made && origin.getOpcode() == Opcodes.NEW) {
                targets.add(made.desc);
            } else if (origin instanceof MethodInsnNode call) {
                called(call, code, frames, receiver, targets, seen);
            } else if (origin instanceof FieldInsnNode field) {
                addObjectType(org.objectweb.asm.Type.getType(field.desc), targets);
            } else if (origin instanceof VarInsnNode variable && variable.var == 0) {
                targets.add(receiver);
            }
        }
    }

    void called(MethodInsnNode call, Code code, Frame<SourceValue>[] frames, String receiver, Set<String> targets, Set<String> seen) {
        Set<String> before = new TreeSet<>(targets);
        for (String owner : ownersOf(call, code, frames, receiver)) {
            returned(find(owner, call.name, call.desc), owner, targets, seen);
        }
        if (targets.equals(before)) {
            addObjectType(org.objectweb.asm.Type.getReturnType(call.desc), targets);
        }
    }

    /** The classes whose method a call can reach: that of `this`, that of a fresh object, else the declared one and all below it. */
    Set<String> ownersOf(MethodInsnNode call, Code code, Frame<SourceValue>[] frames, String receiver) {
        if (call.getOpcode() == Opcodes.INVOKESTATIC || call.getOpcode() == Opcodes.INVOKESPECIAL) {
            return Set.of(call.owner);
        }
        Frame<SourceValue> frame = frames[code.method.instructions.indexOf(call)];
        int arguments = org.objectweb.asm.Type.getArgumentTypes(call.desc).length;
        Set<String> owners = new TreeSet<>();
        boolean isStaticCode = (code.method.access & Opcodes.ACC_STATIC) != 0;
        for (AbstractInsnNode origin : frame.getStack(frame.getStackSize() - 1 - arguments).insns) {
            if (origin instanceof TypeInsnNode made && origin.getOpcode() == Opcodes.NEW) {
                owners.add(made.desc);
            } else if (origin instanceof VarInsnNode variable && variable.var == 0 && !isStaticCode) {
                owners.add(receiver);
            } else {
                addBelow(call.owner, owners);
            }
        }
        if (owners.isEmpty()) {
            addBelow(call.owner, owners);
        }
        return owners;
    }

    void addBelow(String name, Set<String> found) {
        if (found.add(name)) {
            subtypes.getOrDefault(name, Set.of()).forEach(child -> addBelow(child, found));
        }
    }

    void addObjectType(org.objectweb.asm.Type type, Set<String> targets) {
        if (type.getSort() == org.objectweb.asm.Type.OBJECT && index.containsKey(type.getInternalName())) {
            targets.add(type.getInternalName());
        }
    }

    static Frame<SourceValue>[] analyze(Code code) {
        try {
            return new Analyzer<>(new Origins()).analyze(code.owner.name, code.method);
        } catch (org.objectweb.asm.tree.analysis.AnalyzerException error) {
            throw new IllegalStateException("cannot analyze " + code.key(), error);
        }
    }

    /** Keeps the instruction that made a value through loads, stores, casts; a parameter's origin is its first load. */
    static class Origins extends SourceInterpreter {
        Origins() {
            super(API);
        }

        @Override
        public SourceValue copyOperation(AbstractInsnNode instruction, SourceValue value) {
            return value.insns.isEmpty() ? new SourceValue(value.getSize(), instruction) : value;
        }

        @Override
        public SourceValue unaryOperation(AbstractInsnNode instruction, SourceValue value) {
            return instruction.getOpcode() == Opcodes.CHECKCAST ? value : super.unaryOperation(instruction, value);
        }
    }

    // ---- extensions found by provider id -----------------------------------------------------------------------------------

    record Extension(String id, Set<String> features, Set<String> targets) {
    }

    /** The provider type of a `session.getProvider(Type.class, id)` in the code; null where there is none. */
    static String providerLookedUpById(Code code) {
        if (code == null) {
            return null;
        }
        String type = null;
        for (AbstractInsnNode instruction : code.method.instructions) {
            if (instruction instanceof LdcInsnNode constant && constant.cst instanceof org.objectweb.asm.Type loaded) {
                type = loaded.getInternalName();
            }
            if (instruction instanceof MethodInsnNode call && call.name.equals("getProvider") && call.owner.endsWith("/KeycloakSession")
                    && call.desc.startsWith("(Ljava/lang/Class;Ljava/lang/String;)")) {
                return type;
            }
        }
        return null;
    }

    List<Extension> extensions(String provider) {
        List<Extension> found = new ArrayList<>();
        for (var service : services.entrySet()) {
            if (service.getKey().replace('.', '/').equals(provider + "Factory")) {
                for (String factory : service.getValue()) {
                    found.add(extension(factory.replace('.', '/')));
                }
            }
        }
        return found;
    }

    Extension extension(String factory) {
        Set<String> features = new TreeSet<>();
        index.get(factory).methods.stream().filter(method -> method.name.equals("isSupported"))
                .forEach(method -> featuresIn(new Code(index.get(factory), method), features));
        Set<String> made = new TreeSet<>();
        for (MethodNode create : index.get(factory).methods) {
            if (create.name.equals("create") && create.instructions.size() > 0) {
                returned(new Code(index.get(factory), create), factory, made, new HashSet<>());
            }
        }
        Set<String> targets = new TreeSet<>();
        for (String implementation : made) {
            if (!isInterfaceOrAbstract(implementation)) {
                for (MethodNode method : index.get(implementation).methods) {
                    if (method.name.equals("getResource") && (method.access & Opcodes.ACC_BRIDGE) == 0) {
                        returned(new Code(index.get(implementation), method), implementation, targets, new HashSet<>());
                    }
                }
            }
        }
        targets.removeIf(name -> !index.containsKey(name) || isInterfaceOrAbstract(name));
        return new Extension(idOf(factory), features, targets);
    }

    static String idOf(String factory) {
        try {
            Object made = Class.forName(factory.replace('/', '.')).getDeclaredConstructor().newInstance();
            return (String) made.getClass().getMethod("getId").invoke(made);
        } catch (ReflectiveOperationException error) {
            throw new IllegalStateException("cannot ask " + factory + " for its id", error);
        }
    }

    // ---- features ----------------------------------------------------------------------------------------------------------

    /** Adds the names of the server features that the code asks for. */
    void featuresIn(Code code, Set<String> features) {
        if (code == null) {
            return;
        }
        for (AbstractInsnNode instruction : code.method.instructions) {
            if (instruction instanceof FieldInsnNode field && field.owner.equals("org/keycloak/common/Profile$Feature")
                    && field.getOpcode() == Opcodes.GETSTATIC && field.desc.equals("Lorg/keycloak/common/Profile$Feature;")) {
                features.add(field.name);
            }
        }
    }

    /** Every feature of the server with its type and whether it is on when nobody asks for anything. */
    static List<Map<String, Object>> features() throws ReflectiveOperationException {
        Class<?> profile = Class.forName("org.keycloak.common.Profile");
        Map<?, ?> states = (Map<?, ?>) profile.getMethod("getFeatures").invoke(profile.getMethod("defaults").invoke(null));
        Map<String, Map<String, Object>> found = new TreeMap<>();
        for (var state : states.entrySet()) {
            Class<?> kind = state.getKey().getClass();
            Map<String, Object> line = new LinkedHashMap<>();
            line.put("name", state.getKey().toString());
            line.put("key", ask(kind, state.getKey(), "getVersionedKey", "getKey"));
            line.put("type", ask(kind, state.getKey(), "getType").toString());
            line.put("enabled", state.getValue());
            line.put("label", ask(kind, state.getKey(), "getLabel").toString().strip());
            found.put(state.getKey().toString(), line);
        }
        return new ArrayList<>(found.values());
    }

    /** The answer of the first of these methods that this version has. */
    static Object ask(Class<?> kind, Object value, String... names) throws ReflectiveOperationException {
        for (String name : names) {
            for (Method method : kind.getMethods()) {
                if (method.getName().equals(name) && method.getParameterCount() == 0) {
                    method.setAccessible(true);
                    return method.invoke(value);
                }
            }
        }
        throw new NoSuchMethodException(Arrays.toString(names));
    }

    void constructorFeatures(Class<?> type, Set<String> features) {
        ClassNode node = index.get(type.getName().replace('.', '/'));
        node.methods.stream().filter(method -> method.name.equals("<init>")).forEach(method -> featuresIn(new Code(node, method), features));
    }

    // ---- JSON --------------------------------------------------------------------------------------------------------------

    static String json(Object value) {
        if (value instanceof Map<?, ?> map) {
            return "{" + String.join(", ", map.entrySet().stream().map(entry -> json(entry.getKey()) + ": " + json(entry.getValue())).toList()) + "}";
        }
        if (value instanceof List<?> list) {
            return "[" + String.join(", ", list.stream().map(EnumerateOperations::json).toList()) + "]";
        }
        if (value instanceof Boolean) {
            return value.toString();
        }
        return "\"" + value.toString().replace("\\", "\\\\").replace("\"", "\\\"") + "\"";
    }
}
