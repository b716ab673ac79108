import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

import org.objectweb.asm.Opcodes;
import org.objectweb.asm.tree.AbstractInsnNode;
import org.objectweb.asm.tree.ClassNode;
import org.objectweb.asm.tree.FieldInsnNode;

/** The server's features: which it has, which are on, which the code asks for. */
final class Features {

    private Features() {
    }

    /** Adds the names of the server features that the code asks for. */
    static void askedIn(Code code, Set<String> features) {
        if (code == null) {
            return;
        }
        for (AbstractInsnNode instruction : code.method().instructions) {
            if (instruction instanceof FieldInsnNode field && field.owner.equals("org/keycloak/common/Profile$Feature")
                    && field.getOpcode() == Opcodes.GETSTATIC && field.desc.equals("Lorg/keycloak/common/Profile$Feature;")) {
                features.add(field.name);
            }
        }
    }

    /** The same for all constructors of a class. */
    static void askedInConstructors(ClassNode node, Set<String> features) {
        node.methods.stream().filter(method -> method.name.equals("<init>")).forEach(method -> askedIn(new Code(node, method), features));
    }

    /** Every feature of the server with its type and whether it is on when nobody asks for anything. */
    static List<Map<String, Object>> all() throws ReflectiveOperationException {
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
    private static Object ask(Class<?> kind, Object value, String... names) throws ReflectiveOperationException {
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
}
